"""One file for each Lambda trigger: `handle(event, services)`, the same on one machine and in the cloud.

`log` is the one logger of the service, in lines of JSON; the layers below write to it by its name, `giamsat`.
"""

from aws_lambda_powertools import Logger

log = Logger(service="giamsat")
