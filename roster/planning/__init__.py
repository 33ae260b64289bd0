"""Fair planning: a proposal of who takes which turn, found by a solver, decided on by a person.

`problem` is what is asked, in plain values, and `reading` makes it from rows. `solver` and `greedy`
answer it, `checks` says what is wrong with an answer, `explain` why there is none. `solving` runs
them in the background; `asking`, `editing` and `accepting` are what people do with a proposal.
"""
