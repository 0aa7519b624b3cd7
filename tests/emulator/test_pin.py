"""The internals of MiniStack that emulator/ stands on: an upgrade that moves one fails here, by name."""

from __future__ import annotations

import importlib
from importlib.metadata import version

import pytest

PINNED = "1.5.33"
INTERNALS = {
    "ministack.app": "_get_module _registry_module_names app",
    "ministack.core.iam_evaluator": (
        "AuthError CredentialResolutionError EvalContext _action_matches _conditions_met _gather_role_policies "
        "_is_root_key _names_condition_key _service_principal_matches evaluate is_root_access_key json "
        "resolve_credential resolve_principal"
    ),
    "ministack.core.responses": "error_response_json get_account_id get_region json_response new_uuid request_scope",
    "ministack.services.cloudformation.provisioners": (
        "_RESOURCE_HANDLERS _ec2_apply_tags _pascal_to_camel _physical_name s3_bucket_name_conflict"
    ),
    "ministack.services.cloudwatch": (
        "_alarms _dims_key _dispatch_alarm_actions _metric_bucket _metrics _record_history"
    ),
    "ministack.services.ec2": (
        "_addresses _allocate_address _create_flow_logs _create_nat_gateway _flow_logs _nat_gateways _release_address "
        "_security_groups _subnets _tags"
    ),
    "ministack.services.ecs": (
        "_ACTION_MAP _bump_task_version _capacity_providers _cleanup_task_resources _cluster_name_from_arn _clusters "
        "_container_override_for _create_capacity_provider _create_service _delete_capacity_provider _delete_cluster "
        "_delete_service _deployment_needs_first_task _get_docker _iso _mark_task_activating _mark_task_pending "
        "_mark_task_running _mark_task_stopped _reconcile_service_tasks _record_service_task_failure _recount_cluster "
        "_refresh_service_state _resolve_cluster_name _resolve_task _run_task _run_task_worker _sanitize "
        "_schedule_service_deployment_completion _services _stop_task _task_is_active _tasks"
    ),
    "ministack.services.firehose": (
        "_DeliveryError _deliver_records_to_s3 _evaluate_prefix _java_time _s3_bucket_from_arn _streams"
    ),
    "ministack.services.iam": "_roles",
    "ministack.services.route53": "_delete_health_check _hc_caller_refs _hc_id _health_checks _records _tags",
    "ministack.services.s3": (
        "_PERSISTED_BUCKET_DICTS _bucket_lifecycle _bucket_logging_config _bucket_object_lock _bucket_tags "
        "_bucket_versioning _buckets _delete_bucket _object_acl _object_annotations _object_legal_hold "
        "_object_retention _object_tags _object_versions _parse_bucket_key _put_bucket_encryption "
        "_put_bucket_lifecycle _put_bucket_logging _put_bucket_ownership_controls _put_object_lock_configuration "
        "handle_request"
    ),
    "ministack.services.servicediscovery": (
        "_deregister_instance _instance_health_status _instances _namespaces _operations _register_instance _services"
    ),
    "ministack.services.sts": (
        "_assumed_role_arn _gen_secret _gen_session_access_key _gen_session_token _sessions is_root_access_key "
        "register_session"
    ),
}


def test_the_version_is_the_one_this_was_written_for() -> None:
    assert version("ministack") == PINNED


@pytest.mark.parametrize("module", INTERNALS)
def test_every_internal_in_use_exists(module: str) -> None:
    found = importlib.import_module(module)
    assert [name for name in INTERNALS[module].split() if not hasattr(found, name)] == []


def test_the_types_we_add_are_still_missing_and_the_ones_we_extend_are_there() -> None:
    handlers = importlib.import_module("ministack.services.cloudformation.provisioners")._RESOURCE_HANDLERS
    added = {
        "EC2::EIP",
        "EC2::NatGateway",
        "EC2::FlowLog",
        "EC2::SecurityGroupIngress",
        "ECS::CapacityProvider",
        "Route53::HealthCheck",
    }
    assert not {f"AWS::{name}" for name in added} & set(handlers)
    for name in ("AWS::S3::Bucket", "AWS::S3::BucketPolicy", "AWS::ECS::Service"):
        assert {"create", "update", "delete"} <= set(handlers[name])
