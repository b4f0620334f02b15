"""`make race`: the same file waits in four ways, one way after the other, on one Airflow of its own.

What the words mean, here, in race.json and on its page:

* A *slot* is one of the executor's processes. A wait *holds* it as long as the process is occupied with it, which can
  be up to five seconds longer than the state of the task says. (On macOS, where that cannot be seen: while it runs.)
* A wait is *watched* while somebody looks for its file: a worker that runs it (poke), a worker that has looked and
  comes again after the interval (reschedule), or a triggerer that has taken its trigger up (both deferrable ways).
* A wait has *settled* when its start is behind it: it runs (poke), it has looked once (reschedule), or a triggerer
  watches it and its slot is free (both deferrable ways). The waits are *steady* when all have settled, or when for 10
  seconds no further one has: no more can.
* *While they wait* is the time from steady to the moment of the files, HOLD seconds. What happens before it, the
  start-up, and after it, the wake-up, takes slots for other reasons than waiting, and is counted apart.
* *Start from trigger* is the deferrable sensor that begins in the triggerer, so that its start-up holds no slot. Where
  Airflow cannot do that, it holds as many as a deferrable one, and the row "slots held at start-up" shows it.
* A wait that had not begun when the files came was *never started*: nobody has looked for its file in time.
* An ordinary task is submitted every 4 seconds all the while. It is *late* by the seconds from its submission to its
  start. The same is done beforehand on the idle Airflow.
* A wait that *failed* did not get to its file. Where the scheduler took it for killed from outside, race.json counts a
  state mismatch: so ends a rescheduled wait that is queued again before the end of its last look has been reported.
* Waits that have not ended 60 seconds, and 2 for each wait, after the files came are *cut off*.
* *CPU* is that of the processes of a component, with those that have ended; *memory* is PSS: what processes share is
  shared out among them, not counted several times. *Workers* are the executor's processes and the tasks in them.
  Reading all this costs the API server something, in every way the same.
* *Database commits* are SQLite's own count of the transactions that have written something.
* Where the *scheduler* uses no CPU it stands still: LocalExecutor of Airflow 3.3.2 takes more tasks than it has slots,
  and when its queue is full, after some forty, the scheduler waits for a slot to be free. Nothing could start anyway.
"""
