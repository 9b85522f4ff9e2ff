#!/usr/bin/env bash
# Judges one submission in a container, with a GPU if there is one to be had. After `autograder runner container`:
#
#     autograder runner docker > judge.sh
#     IMAGE=course GPU=0 bash judge.sh SUBMISSION RESULTS [--assignment vgg16 …]
#
# SUBMISSION is a folder of notebooks, RESULTS a folder for scorecard.json and what else you ask for: what follows goes
# to `autograder score`, whose exit codes this ends with. Everything of the submission is data here. The
# container has no network, and nothing of this machine but these two folders.
#
#     DOCKER=podman           instead of docker
#     GPU=0                   the GPU, as nvidia-smi counts; in the container it is 0, so set
#                             c.CourseSettings.gpus = [0]. Docker needs NVIDIA's container toolkit. With Podman:
#                             DEVICES='--device nvidia.com/gpu=0'
#     RIGHTS=--privileged     where `docker run --rm IMAGE` says that the box lacks something
#     RECORDS=FOLDER          keeps the log and the count of trials from one container to the next
set -eu

submission=${1:?Name the folder of a submission: judge.sh SUBMISSION RESULTS}
results=${2:?Name a folder for the results: judge.sh SUBMISSION RESULTS}
shift 2
mkdir -p "$results"
devices=${DEVICES:-${GPU:+--gpus device=$GPU}}
records=${RECORDS:+--volume $(realpath "${RECORDS:-.}"):/course/records}

# A class needs memory and processes for each box; one submission gets along with this.
# shellcheck disable=SC2086 # several words, or none
exec "${DOCKER:-docker}" run --rm --network none --memory "${MEMORY:-16g}" --pids-limit 4096 \
    --shm-size 1g $devices ${RIGHTS:-} $records \
    --volume "$(realpath "$submission"):/submission:ro" --volume "$(realpath "$results"):/results" \
    "${IMAGE:-course}" autograder --course /course \
    score /submission --json /results/scorecard.json "$@"
