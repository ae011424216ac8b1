"""The platforms that snippets and bundles are written for."""

from edge_deploy.platforms.android import PLATFORM as ANDROID
from edge_deploy.platforms.cpp import PLATFORM as CPP
from edge_deploy.platforms.flutter import PLATFORM as FLUTTER
from edge_deploy.platforms.ios import PLATFORM as IOS
from edge_deploy.platforms.js import PLATFORM as JS
from edge_deploy.platforms.python import PLATFORM as PYTHON

PLATFORMS = {platform.name: platform for platform in (ANDROID, IOS, FLUTTER, PYTHON, CPP, JS)}
"""By name, as in ``--platform``. A new platform is one file and its line here."""
