"""Lets Beam's ``--setup_file=./setup.py`` ship the packages to workers; see pyproject.toml."""

from setuptools import setup

setup()
