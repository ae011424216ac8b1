"""Scripts of a line or two, read."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_deploy.frontends.project.findings import Findings
from edge_deploy.frontends.project.script_reader import read_scripts

IMPORTS = """
import json, os, pickle, re
import cv2, gradio as gr, joblib, nltk, numpy as np, pandas as pd, streamlit as st
import tensorflow as tf
from flask import request
from keras.models import load_model
from PIL import Image, ImageOps
m = load_model('m.h5')
le = joblib.load('le.pkl')
sc = joblib.load('sc.pkl')
"""


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., Findings]:
    """Write a script, empty files, and files with a content; and read the folder."""

    def written(app: str, /, *empty: str, **files: str) -> Findings:
        for name in empty:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).touch()
        (tmp_path / "app.py").write_text(textwrap.dedent(app))
        for name, content in files.items():
            path = tmp_path / name.replace("__", "/").replace("_dot_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(content))
        return read_scripts(tmp_path)

    return written


@pytest.fixture
def used(read: Callable[..., Findings]) -> Callable[..., Findings]:
    """The same of what stands behind the usual imports, a model, an encoder and a scaler."""
    return lambda app, *empty, **files: read(IMPORTS + textwrap.dedent(app), *empty, **files)
