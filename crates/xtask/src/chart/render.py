import json
import sys

from helm_python import Chart, lint

folder = sys.argv[1]
said = {"lint": lint(folder), "rendered": []}
with Chart.load(folder) as chart:
    for values in json.load(sys.stdin):
        said["rendered"].append(chart.render(values, name="howdah", namespace="howdah-system"))
json.dump(said, sys.stdout)
