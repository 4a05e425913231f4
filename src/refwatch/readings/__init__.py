"""One folder for each subject: its events, state, readers and collectors."""
