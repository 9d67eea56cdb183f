"""Providers' batch APIs: requests are collected, submitted, and polled."""
