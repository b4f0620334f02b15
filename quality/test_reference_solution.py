"""What the reference solution does beyond the contract."""

from __future__ import annotations

from quality.script import run_script


def test_forty_hung_directories_leave_the_default_executor_free(tmp_path):
    seen = run_script(
        """
        import asyncio, json, os, threading
        import trigger_implementation_exercise as solution

        listdir = os.listdir

        def hung_listdir(path="."):
            if "/hung/" in str(path):
                threading.Event().wait()
            return listdir(path)

        os.listdir = hung_listdir

        async def payload(trigger):
            return [event async for event in trigger.run()][0].payload

        async def main():
            hung = [os.path.join(solution.DATA_DIR, "hung", str(number)) for number in range(40)]
            waiting = asyncio.create_task(payload(solution.MultiDirectoryTrigger(hung, "*.csv", 0.2)))
            await asyncio.sleep(0.1)
            os.makedirs(healthy := os.path.join(solution.DATA_DIR, "healthy"))
            open(os.path.join(healthy, "a.csv"), "w").close()
            found = await asyncio.wait_for(payload(solution.MultiDirectoryTrigger([healthy], "*.csv", 0.2)), 60)
            free = await asyncio.wait_for(asyncio.to_thread(lambda: "free"), 60)
            print(json.dumps([found["filename"], free, waiting.done()]), flush=True)
            os._exit(0)

        asyncio.run(main())
        """,
        tmp_path,
    )
    assert seen == ["a.csv", "free", False]


def test_a_rule_that_raises_stop_iteration_gives_an_error_event(tmp_path):
    # A future of asyncio cannot pass a StopIteration on.
    event = run_script(
        """
        import asyncio, json
        import trigger_implementation_exercise as solution

        solution.nothing_left = lambda: next(iter(()))

        async def main():
            trigger = solution.BusinessRuleTrigger("trigger_implementation_exercise.nothing_left")
            return [event async for event in trigger.run()][0].payload

        print(json.dumps(asyncio.run(asyncio.wait_for(main(), 60))))
        """,
        tmp_path,
    )
    assert event["error_type"] == "rule"
    assert "StopIteration" in event["message"]
