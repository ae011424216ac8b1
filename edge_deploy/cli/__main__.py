"""``python -m edge_deploy.cli``."""

from edge_deploy.cli import main

main()
