#!/usr/bin/env python3
"""Django's command line; `atrium` offers the same commands and more."""

import os
import sys

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    from django.core.management import execute_from_command_line

    from portal.command.django import as_operator, sign_in_for

    command = " ".join(sys.argv[1:2])
    sign_in_for(command)
    with as_operator(command):
        execute_from_command_line(sys.argv)
