#!/usr/bin/env bash
# Gradescope's `run_autograder`. In the zip of the autograder beside it: the course's folder, the kit's wheel, and a
# setup.sh that installs both as the Containerfile of `autograder runner container` does, into /opt/kit and /course.
#
# Students see the results.json. What is printed here is for staff. With anything ungraded there is no file:
# Gradescope says that the autograder failed and shows no score, and staff can run it again.
set -u
folder=${AUTOGRADER_FOLDER:-/autograder}
mkdir -p "$folder/results"
code=0
PATH=/opt/kit/bin:$PATH
autograder --course "${COURSE:-/course}" score "$folder/submission" ${ASSIGNMENT:+--assignment "$ASSIGNMENT"} \
    --gradescope "$folder/results/results.json" || code=$?
exit $((code > 1 ? code : 0)) # a lost point is a result
