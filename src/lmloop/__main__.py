"""``python -m lmloop``: the command line where the script is not on the path."""

from lmloop.faces.cli import main

main()
