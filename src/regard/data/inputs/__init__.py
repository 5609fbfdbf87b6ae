"""What people bring: their tables, the names of their files, and what is said to them about
both.
"""
