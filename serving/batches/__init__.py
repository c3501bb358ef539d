"""Many suppliers at once: a file is taken in, a worker scores its rows one by one, and the results appear when all are done."""
