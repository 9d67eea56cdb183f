"""Conformance checks: does a model do what the port and its features promise?"""
