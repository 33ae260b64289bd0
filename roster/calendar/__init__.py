"""The roster as people look at it: who is on call in a day, two weeks or a month, and why.

`period` is the stretch of days, `facts` what is read for it, `spans` what stands on it (pure), and
`answer` the same as the browser's timeline wants it (pure).
"""
