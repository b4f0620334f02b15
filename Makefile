# Every target but `setup` and `clean` makes what it needs first. A failing recipe lets make exit with 2 in any case;
# `.venv/bin/python -m kata grade` tells 1 (a wrong solution) from 2 (wrong usage).
SHELL := bash
PYTHON ?= python3
KATA_TREE ?= exercise
TREE ?= $(KATA_TREE)
VENV := .venv
READY := $(VENV)/.ready
KATA := $(VENV)/bin/python -m kata
LAB := $(VENV)/bin/python -m lab
# Measurements take the reference solution, unless TREE is given.
solution_unless_given = $(if $(filter file,$(origin TREE)),solution,$(1))

# make takes any word for a variable: `make grade step=3` would grade all.
ifneq ($(filter tree=% step=% level=% name=% results=% waits=% client=% service=% backup=% stack=% only=%,$(MAKEOVERRIDES)),)
$(error Write it in capitals, such as STEP=3, not step=3)
endif

# With it, Python does not find the kata in the clone.
unexport PYTHONSAFEPATH

.DEFAULT_GOAL := help
.PHONY: help setup grade watch hint diff reset restore run up down ps logs standalone trigger drop live pitfall race breakeven \
  doctor bench test quality mutants reliability screenshots versions requirements lint clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY) ## make .venv with Airflow and all that the kata needs

doctor: $(READY) ## what this machine can do for the kata
	@$(KATA) doctor

grade: $(READY) ## grade your work  [TREE=exercise|solution|PATH] [STEP=1..7|3a..3d|c1..c3] [RESULTS=file.json]
	@$(KATA) grade --tree "$(TREE)" $(if $(STEP),--step "$(STEP)") $(if $(RESULTS),--results "$(RESULTS)")

watch: $(READY) ## grade the step you work on at every save  [TREE=exercise|PATH]
	@$(KATA) watch --tree "$(TREE)"

hint: $(READY) ## help with a step, in three levels  STEP=1..7|3a..3d|c1..c3 [LEVEL=1..3]
	@$(KATA) hint --step "$(STEP)" $(if $(LEVEL),--level "$(LEVEL)")

diff: $(READY) ## your step beside the reference solution, once it is green  STEP=1..7|c1..c3 [PEEK=1]
	@$(KATA) diff --tree "$(TREE)" --step "$(STEP)" $(if $(PEEK),--peek)

reset: $(READY) ## put the starter back; a copy of your work is kept  [STEP=1..7|c1..c3]
	@$(KATA) reset --tree "$(TREE)" $(if $(STEP),--step "$(STEP)")

restore: $(READY) ## list the copies of your work, or bring one back  [BACKUP=name]
	@$(KATA) restore --tree "$(TREE)" $(BACKUP)

run: $(READY) ## run the DAG in a real Airflow while files arrive  [TREE=exercise|solution|PATH]
	@$(KATA) run --tree "$(TREE)"

up: $(READY) ## start a whole Airflow in Docker, or switch its tree  [TREE=exercise|solution|PATH] [KATA_PORT=8080]
	@$(KATA) up --tree "$(TREE)"

down: $(READY) ## end the Airflow in Docker; its database is kept  [VOLUMES=1: removed]
	@$(KATA) down $(if $(VOLUMES),--volumes)

ps: $(READY) ## how the services of the Airflow in Docker are
	@$(KATA) ps

logs: $(READY) ## what they print  [SERVICE=triggerer]
	@$(KATA) logs $(SERVICE)

standalone: $(READY) ## run Airflow on this machine without Docker, until Ctrl-C  [TREE=exercise|solution|PATH]
	@$(KATA) standalone --tree "$(TREE)"

trigger: $(READY) ## start the DAG in the Airflow that runs
	@$(KATA) trigger

drop: $(READY) ## let files arrive where the DAG waits for them  [CLIENT=1..5] [N=1]
	@$(KATA) drop $(if $(CLIENT),--client "$(CLIENT)") $(if $(N),--count "$(N)")

live: $(READY) ## prove your work on a real scheduler, worker and triggerer  [TREE=…] [STACK=compose] [RESULTS=file.json]
	@$(KATA) live --tree "$(TREE)" $(if $(STACK),--stack "$(STACK)") $(if $(RESULTS),--results "$(RESULTS)")

# A NAME of the environment does not count: on WSL it is the machine's.
pitfall: $(READY) ## run a mistake on a real Airflow, then its fix; without NAME, list them  [NAME=…] [WRITE=1]
	@$(KATA) pitfall $(if $(filter command,$(origin NAME)),"$(NAME)" $(if $(WRITE),--write))

race: $(READY) ## measure what deferring saves, on a real Airflow; ten minutes  [WAITS=100] [SLOTS=8] [HOLD=60]
	@$(LAB) race --tree "$(call solution_unless_given,$(TREE))" \
	  $(if $(WAITS),--waits "$(WAITS)") $(if $(SLOTS),--slots "$(SLOTS)") $(if $(HOLD),--hold "$(HOLD)")

breakeven: $(READY) ## measure from which length of wait on deferring pays; nine minutes  [REPEATS=4]
	@$(LAB) breakeven --tree "$(call solution_unless_given,$(TREE))" $(if $(REPEATS),--repeats "$(REPEATS)")

test: lint ## test the kata itself
	@$(VENV)/bin/python -m pytest quality --numprocesses 2 --dist loadfile --no-loadscope-reorder

quality: $(READY) ## measure how far the grade can be trusted; about an hour  [REPEATS=100]
	@$(VENV)/bin/python -m quality.measure $(if $(REPEATS),--repeats "$(REPEATS)")

bench: $(READY) ## what a trigger costs on one event loop; an hour  [TREE=solution] [WAITS=100,1000] [SECONDS=20] [ONLY=slow,scaled]
	@$(LAB) bench --tree "$(call solution_unless_given,$(TREE))" \
	  $(if $(WAITS),--waits "$(WAITS)") $(if $(SECONDS),--seconds "$(SECONDS)") $(if $(ONLY),--only "$(ONLY)")

mutants: $(READY) ## change the reference solution mechanically and list what no check notices; half an hour  [STEP=1..7|c1..c3]
	@$(VENV)/bin/python -m quality.mutants.run $(if $(STEP),--step "$(STEP)")

reliability: $(READY) ## inject faults into the running compose stack and write docs/reliability.md  [TREE=solution]
	@$(KATA) live --stack compose --tree "$(call solution_unless_given,$(TREE))" --results .kata/reliability.json
	@$(VENV)/bin/python -m quality.reliability .kata/reliability.json

screenshots: $(READY) ## take the pictures of the README again; needs Chromium
	@$(VENV)/bin/python -m quality.pictures.take

versions: $(READY) ## grade the solution on Airflow 3.0, 3.1, 3.2 and 3.3  [ONLY=3.1]
	@$(VENV)/bin/python -m quality.versions $(if $(ONLY),--only "$(ONLY)")

requirements: $(READY) ## pin the newest packages for requirements.in, which names the version of Airflow
	@$(VENV)/bin/uv pip compile --upgrade --universal --python-version 3.10 --generate-hashes --no-emit-index-url \
	  --no-emit-find-links --no-annotate --no-header requirements.in --output-file requirements.txt > /dev/null
	@airflow=$$(sed -n 's/^apache-airflow==//p' requirements.in) && \
	  sed -i.old "s#apache/airflow:[0-9.]*#apache/airflow:$$airflow#" docker-compose.yaml && rm docker-compose.yaml.old

lint: $(READY) ## check the style of all code and texts
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/python -m kata.grading.manifest
	@! grep --recursive --line-number --ignore-case --extended-regexp --file .ci/phrases.txt --include='*.py' --include='*.md' \
	  --include='*.toml' --exclude=phrases.txt --exclude=CHANGELOG.md --exclude-dir=.venv --exclude-dir=.kata --exclude-dir=right . || \
	  { echo "These phrases are hard to understand: see Style in CONTRIBUTING.md." >&2; exit 1; }

clean: ## remove .venv and .kata: all that was made, but not the copies of your work
	@rm -rf $(VENV)
	@test ! -d .kata || find .kata -mindepth 1 -maxdepth 1 ! -name backups -exec rm -rf {} +
	@rmdir .kata 2>/dev/null || true

$(READY): requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	  { echo "The kata needs Python 3.10 or later, and $(PYTHON) is older or missing. Try: make setup PYTHON=python3.12" >&2; exit 2; }
	@echo "Installing Airflow into $(VENV) (once, about half a minute) …"
	@$(PYTHON) -m venv $(VENV)
	@awk '/^uv==/ { found = 1 } found; found && !/\\$$/ { exit }' requirements.txt > $(VENV)/uv.txt
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement $(VENV)/uv.txt
	@set -o pipefail; $(VENV)/bin/python -m uv pip sync --python $(VENV)/bin/python --require-hashes --compile-bytecode \
	  --link-mode copy requirements.txt 2>&1 | grep --line-buffered --invert-match '^ [+~-] '
	@touch $(READY)
