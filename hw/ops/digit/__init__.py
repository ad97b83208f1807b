"""Digits of wide integers."""
