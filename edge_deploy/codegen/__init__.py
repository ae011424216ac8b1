"""The platforms that snippets and bundles are written for."""

from edge_deploy.codegen.android import PLATFORM as ANDROID
from edge_deploy.codegen.cpp import PLATFORM as CPP
from edge_deploy.codegen.flutter import PLATFORM as FLUTTER
from edge_deploy.codegen.ios import PLATFORM as IOS
from edge_deploy.codegen.js import PLATFORM as JS
from edge_deploy.codegen.python import PLATFORM as PYTHON

PLATFORMS = {platform.name: platform for platform in (ANDROID, IOS, FLUTTER, PYTHON, CPP, JS)}
"""By name, as in ``--platform``. A new platform is one file, its folder of templates, and its
line here."""
