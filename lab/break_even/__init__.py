"""`make breakeven`: from which length of wait on deferring holds a slot for less time than poking.

One wait after the other, on an Airflow of its own on which nothing else runs. What the words mean, here and in
break_even.json; a slot and how long it is held are those of `lab.race`:

* The *length* of a wait is the time from the start of its task to its file. At length 0 the file is there beforehand,
  so that both ways find it at their first look and nothing is deferred. The repeats of a length differ by parts of the
  interval between two looks, or all its files would come at the same moment of it.
* *Slot-seconds* are the slots that the wait holds, times how long, until the last is free: of a deferrable one those of
  its start and those of its end. *Of them running* are those in which Airflow says that the task runs; in the others
  its process has not noticed yet that the task is over.
* The task *ends late* by the seconds from the file to its end; at length 0 from its start.
* *CPU* is that of the executor's processes and of the tasks in them.
* The *break-even* is the length from which on the deferrable wait holds its slots for less time: where two straight
  lines cross, one through the slot-seconds of all poke sensors, one through those of all deferrable ones, by least
  squares. Luck has a part in each wait, as a process may notice up to five seconds late that its task is over. So the
  waits are also drawn anew from themselves, a thousand times: the *spread* is what the break-even keeps to in nine of
  ten draws.
"""
