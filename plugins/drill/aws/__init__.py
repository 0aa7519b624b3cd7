"""Thin edges over boto3: every function takes a `boto3.Session` first and decides nothing about a drill.

A session's own region is never used: each call names its region, because a site spans two.
"""
