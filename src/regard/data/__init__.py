"""Sets of cases: what is read and checked, outlines and reference regions, on the square a network
sees.
"""
