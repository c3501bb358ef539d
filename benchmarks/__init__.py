"""One file per measured claim, peers side by side in the same run."""
