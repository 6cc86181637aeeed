"""Tests of regions, own servers, proxies, and tokens of their own."""
