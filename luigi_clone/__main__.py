"""``python -m luigi_clone`` is the script ``luigi``."""
# PYTHON_ARGCOMPLETE_OK

from luigi_clone.cmdline import luigi_run

if __name__ == "__main__":
    luigi_run()
