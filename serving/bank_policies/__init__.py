"""A bank's own policy: handed in, simulated on its past applications, and put in force by a second person."""
