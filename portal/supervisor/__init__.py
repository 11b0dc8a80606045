"""`atrium up`: one foreground process that starts every part in order, keeps it running, and takes all down with it."""
