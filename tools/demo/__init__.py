"""`make demo`: three acts on real parts, watched by a person, with proofs.

A migration, its rollback, and one that breaks an assertion and comes back by itself. It uses what is
in tools/localenv, the program as people start it, and kubectl; it tests nothing that a proof in it
doesn't show, and it is no part of the program.
"""
