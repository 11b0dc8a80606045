"""Documents that people attach to a request: looked at by their content, kept encrypted, handed out as files alone."""
