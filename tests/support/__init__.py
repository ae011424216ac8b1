PATIENCE = 600
"""Seconds after which a process or a page hangs: it must not fail because the machine is slow."""
