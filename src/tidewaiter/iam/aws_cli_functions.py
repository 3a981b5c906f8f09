"""What scripts are made of: functions of bash (3.2 and later) that bring one thing into the wanted state.

Each looks first, and changes through `change` only, so that DRY_RUN shows what would be done and a second run does the
same again. What is given stands behind a `=`, for it may begin with a dash. https://docs.aws.amazon.com/cli/latest/reference/
"""

from typing import Final

BEGINNING: Final = r"""
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
""".lstrip()

IN_ACCOUNT: Final = r"""
[[ $account == "$wanted" ]] ||
  fail "these are credentials of account $account, and this is for account $wanted"
""".lstrip()

PUT_ROLE: Final = r"""
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
""".lstrip()

PUT_USER: Final = r"""
put_user() { # NAME
  if ! is_there iam get-user --user-name="$1"; then
    change aws iam create-user --user-name="$1"
    change aws iam wait user-exists --user-name="$1"
  fi
}
""".lstrip()

PUT_POLICY: Final = r"""
put_policy() { # role|user NAME POLICY_NAME POLICY
  change aws iam "put-$1-policy" "--$1-name=$2" --policy-name="$3" --policy-document="$4"
}
""".lstrip()

TELL_OTHERS: Final = r"""
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
""".lstrip()

PUT_INSTANCE_PROFILE: Final = r"""
put_instance_profile() { # NAME ROLE
  local role=""
  if is_there iam get-instance-profile --instance-profile-name="$1"; then
    role=$(aws iam get-instance-profile --instance-profile-name="$1" \
      --query 'InstanceProfile.Roles[].RoleName' --output text)
  else
    change aws iam create-instance-profile --instance-profile-name="$1"
    change aws iam wait instance-profile-exists --instance-profile-name="$1"
  fi
  if [[ -z $role ]]; then
    change aws iam add-role-to-instance-profile --instance-profile-name="$1" --role-name="$2"
  elif [[ $role != "$2" ]]; then
    fail "the instance profile $1 holds the role $role: take that out, or use another name"
  fi
}
""".lstrip()

PUT_OIDC_PROVIDER: Final = r"""
put_oidc_provider() { # ARN ISSUER AUDIENCE
  local audiences
  if is_there iam get-open-id-connect-provider --open-id-connect-provider-arn="$1"; then
    audiences=$(aws iam get-open-id-connect-provider --open-id-connect-provider-arn="$1" \
      --query 'ClientIDList' --output text)
    holds "$audiences" "$3" ||
      change aws iam add-client-id-to-open-id-connect-provider \
        --open-id-connect-provider-arn="$1" --client-id="$3"
  else
    change aws iam create-open-id-connect-provider --url "https://$2" --client-id-list="$3"
  fi
}
""".lstrip()

PUT_POD_IDENTITY: Final = r"""
put_pod_identity() { # CLUSTER NAMESPACE SERVICE_ACCOUNT ROLE_ARN --[no-]disable-session-tags
  local association
  association=$(aws eks list-pod-identity-associations --cluster-name="$1" --namespace="$2" \
    --service-account="$3" --query 'associations[].associationId' --output text)
  if [[ -n $association ]]; then
    change aws eks update-pod-identity-association --cluster-name="$1" \
      --association-id="$association" --role-arn="$4" "$5"
  else
    change aws eks create-pod-identity-association --cluster-name="$1" --namespace="$2" \
      --service-account="$3" --role-arn="$4" "$5"
  fi
}
""".lstrip()

EXCLUDE_PULLS: Final = r"""
exclude_pulls() { # REGION PRINCIPAL_ARN
  local excluded
  excluded=$(aws ecr list-pull-time-update-exclusions --region="$1" \
    --query 'pullTimeUpdateExclusions' --output text)
  holds "$excluded" "$2" ||
    change aws ecr register-pull-time-update-exclusion --region="$1" --principal-arn="$2"
}
""".lstrip()

PUT_PUSH_EVENTS: Final = r"""
put_push_events() { # REGION RULE PATTERN QUEUE QUEUE_ARN QUEUE_ATTRIBUTES
  local queue="<the address of the queue $4>" targets
  if ! is_there sqs get-queue-url --region="$1" --queue-name="$4"; then
    change aws sqs create-queue --region="$1" --queue-name="$4"
  fi
  if [[ -z "${DRY_RUN:-}" ]]; then
    queue=$(aws sqs get-queue-url --region="$1" --queue-name="$4" --query QueueUrl --output text)
  fi
  change aws sqs set-queue-attributes --region="$1" --queue-url="$queue" --attributes="$6"
  change aws events put-rule --region="$1" --name="$2" --state ENABLED --event-pattern="$3"
  change aws events put-targets --region="$1" --rule="$2" --targets "Id=tidewaiter,Arn=$5"
  if [[ -z "${DRY_RUN:-}" ]]; then
    targets=$(aws events list-targets-by-rule --region="$1" --rule="$2" \
      --query 'Targets[].Arn' --output text)
    holds "$targets" "$5" || fail "the rule $2 in $1 did not take the queue as its target"
  fi
}
""".lstrip()
