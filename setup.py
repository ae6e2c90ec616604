"""Lets pip install the project; everything is said in setup.cfg."""

from setuptools import setup

setup()
