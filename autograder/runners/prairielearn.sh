#!/usr/bin/env bash
# PrairieLearn's external grader: save it as serverFilesCourse/autograder/run.sh, with the image of `autograder
# runner container` as the question's own. In the question's info.json:
#
#     "gradingMethod": "External",
#     "externalGradingOptions": {
#         "enabled": true,
#         "image": "REGISTRY/COURSE",
#         "entrypoint": "/grade/serverFilesCourse/autograder/run.sh",
#         "serverFilesCourse": ["autograder/"],
#         "timeout": 600,
#         "enableNetworking": false,
#         "environment": {"ASSIGNMENT": "vgg16"}
#     }
#
# and in question.html a <pl-file-upload> with the notebooks' names, and <pl-external-grader-results>.
# The question's points are multiplied by the part of our points that was reached.
#
# Students see everything in results.json. What is printed here goes to the grading job's log, for staff.
# Where something could not be judged the submission is "not gradable": no points, and no attempt is used up.
set -u
grade=${GRADE_FOLDER:-/grade}
results=$grade/results/results.json
mkdir -p "$grade/results"
autograder --course "${COURSE:-/course}" score "$grade/student" ${ASSIGNMENT:+--assignment "$ASSIGNMENT"} \
    --as prairielearn "$results" || echo "autograder score ended with $?"
if [ ! -s "$results" ]; then
    why="Not judged yet, which is not your fault and no zero: staff will look at it."
    printf '{"gradable": false, "format_errors": ["%s"]}\n' "$why" > "$results"
fi
