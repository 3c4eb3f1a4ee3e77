"""Flink's own web page, to be looked at and no more: a reading proxy before its REST interface.

Flink lets in only who has the stack's key, which no browser has. This server has it, and passes
on what only reads, to whoever came with its token.
"""
