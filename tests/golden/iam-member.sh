#!/usr/bin/env bash
#
# For each member account of the organization.
#
# A StackSet with permissions managed by the service reaches all member accounts, invited ones and
# later ones too, and not the management account: there the management role reads the registries
# itself.
#
# External IDs stand in this file: keep it where secrets are kept.
#
# Run it with credentials of each of these accounts in turn that may change what it holds, and again
# after each change:
#
#   DRY_RUN=1 bash member.sh  # shows what it would do
#   bash member.sh

set -euo pipefail
export AWS_PAGER=""

fail() {
  printf '%s: %s\n' "${0##*/}" "$1" >&2
  exit 1
}

# Runs a command that changes something, again for a while if IAM does not know yet a principal
# that was made a moment ago. With DRY_RUN it is shown instead.
change() {
  local said tries=0
  if [[ -n "${DRY_RUN:-}" ]]; then
    printf 'would run:'
    printf ' %q' "$@"
    printf '\n'
    return
  fi
  until said=$("$@" 2>&1); do
    tries=$((tries + 1))
    if [[ $said != *"Invalid principal in policy"* || $tries -ge 10 ]]; then
      fail "$said"
    fi
    sleep 3
  done
}

# Tells whether something is there. Whatever else is answered ends the script.
is_there() {
  local said
  if said=$(aws "$@" 2>&1); then
    return 0
  fi
  case $said in
    *"(NoSuchEntity)"* | *NonExistentQueue* | *QueueDoesNotExist*) return 1 ;;
    *) fail "$said" ;;
  esac
}

# Tells whether the words of the first argument, as the command prints them, hold the second one.
holds() {
  local word
  for word in $1; do
    [[ $word != "$2" ]] || return 0
  done
  return 1
}

command -v aws >/dev/null || fail "there is no aws command: install the AWS CLI"
account=$(aws sts get-caller-identity --query Account --output text)
readonly account

put_role() { # NAME DESCRIPTION SECONDS TRUST_POLICY
  if is_there iam get-role --role-name="$1"; then
    change aws iam update-assume-role-policy --role-name="$1" --policy-document="$4"
    change aws iam update-role --role-name="$1" --description="$2" --max-session-duration="$3"
  else
    change aws iam create-role --role-name="$1" --description="$2" --max-session-duration="$3" \
      --assume-role-policy-document="$4"
    change aws iam wait role-exists --role-name="$1"
  fi
}

put_policy() { # role|user NAME POLICY_NAME POLICY
  change aws iam "put-$1-policy" "--$1-name=$2" --policy-name="$3" --policy-document="$4"
}

# Tells what else a role or user may do: policies that do not come from here.
tell_others() { # role|user NAME POLICY_NAME...
  local kind=$1 name=$2 inline attached policy
  shift 2
  is_there iam "get-$kind" "--$kind-name=$name" || return 0
  inline=$(aws iam "list-$kind-policies" "--$kind-name=$name" \
    --query 'PolicyNames' --output text)
  attached=$(aws iam "list-attached-$kind-policies" "--$kind-name=$name" \
    --query 'AttachedPolicies[].PolicyArn' --output text)
  for policy in $inline $attached; do
    holds "$*" "$policy" ||
      printf 'note: the %s %s has the policy %s too, which is not from here\n' "$kind" "$name" "$policy"
  done
}

json_tidewaiter_member_trust() {
  cat <<'JSON'
{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Sid": "TrustTidewaiter",
      "Effect": "Allow",
      "Principal": {
        "AWS": "arn:aws:iam::444444444444:role/tidewaiter-management"
      },
      "Action": "sts:AssumeRole",
      "Condition": {
        "StringEquals": {
          "sts:ExternalId": "harbour-5"
        }
      }
    }
  ]
}
JSON
}

json_tidewaiter_member_tidewaiter_read_registries() {
  sed -e "s/{ACCOUNT}/$account/g" <<'JSON'
{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Sid": "FindRegions",
      "Effect": "Allow",
      "Action": "ec2:DescribeRegions",
      "Resource": "*"
    },
    {
      "Sid": "ListRepositories",
      "Effect": "Allow",
      "Action": "ecr:DescribeRepositories",
      "Resource": "arn:aws:ecr:*:{ACCOUNT}:repository/*"
    },
    {
      "Sid": "ListImages",
      "Effect": "Allow",
      "Action": "ecr:DescribeImages",
      "Resource": "arn:aws:ecr:*:{ACCOUNT}:repository/*"
    },
    {
      "Sid": "PullImages",
      "Effect": "Allow",
      "Action": [
        "ecr:BatchGetImage",
        "ecr:GetDownloadUrlForLayer"
      ],
      "Resource": "arn:aws:ecr:*:{ACCOUNT}:repository/*"
    },
    {
      "Sid": "LogIntoRegistry",
      "Effect": "Allow",
      "Action": "ecr:GetAuthorizationToken",
      "Resource": "*"
    }
  ]
}
JSON
}

put_role tidewaiter-member 'tidewaiter reads the registries of this account as this role' 3600 "$(json_tidewaiter_member_trust)"
put_policy role tidewaiter-member tidewaiter-read-registries "$(json_tidewaiter_member_tidewaiter_read_registries)"
tell_others role tidewaiter-member tidewaiter-read-registries
if [[ -z "${DRY_RUN:-}" ]]; then
  printf 'in place: %s\n' arn:aws:iam::"$account":role/tidewaiter-member
fi
