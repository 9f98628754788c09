"""Loops become better loops. Each pass takes a program and gives one that computes the same bits; compile.py has their order.

unrolling.py     short loops are written out
forwarding.py    what was stored is not loaded again, what nobody needs is left out, what does not change leaves its loop
fusion.py        loops of as many turns become one
interchange.py   axes in the order of memory
tiling.py        axes that go through memory in different orders, in tiles
nests.py         axes as one, several turns at once, loops in pieces for threads
parts.py         long programs as several functions
watching.py      long programs look for interrupts
plan.py          where temporaries lie in memory
"""
