"""A tenant's structure as a file: written out, read, compared with what is there, and brought about."""
