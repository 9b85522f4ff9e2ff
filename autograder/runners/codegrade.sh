#!/usr/bin/env bash
# CodeGrade, AutoTest v2: a Custom Test block, connected to a rubric category. Its folder is the submission; what it
# writes to file descriptor 3 is CodeGrade's structured output. The kit and the course come with the Setup tab:
# upload the course's folder and install the kit there as the Containerfile of `autograder runner container` does.
#
# Students may see what is printed, so nothing is but one sentence where staff are needed. What could not be
# judged is skipped: as in CodeGrade's own reporters it counts neither for nor against, until it is run again.
set -u
made=$(mktemp -d)
code=0
autograder --course "${COURSE:-$UPLOADED_FILES/course}" score . ${ASSIGNMENT:+--assignment "$ASSIGNMENT"} \
    --as codegrade "$made/results" > /dev/null 2> "$made/staff.log" || code=$?
if [ -s "$made/results" ]; then
    cat "$made/results" >&3
fi
if [ "$code" -gt 1 ]; then
    echo "Not judged in full, which is not your fault and no zero: staff will look at it."
    cp "$made/staff.log" "${COURSE:-$UPLOADED_FILES/course}/records/runner.log"
fi
rm -rf "$made"
exit $((code > 1 ? code : 0))
