"""Tests of the hub; each channel's own tests live beside it in plugins/<channel>/tests."""
