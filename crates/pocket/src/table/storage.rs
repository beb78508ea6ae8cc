//! Volumes, claims and storage classes.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::built_in::Definition;
use super::column::Column;
use super::read::{age, at, is_deleted, list, name, or, text};

pub(super) static VOLUMES: Definition = Definition {
    columns: &[
        Column::NAME,
        Column::text(
            "Capacity",
            "capacity is the description of the persistent volume's resources and capacity.",
        ),
        Column::text(
            "Access Modes",
            "accessModes contains all ways the volume can be mounted.",
        ),
        Column::text(
            "Reclaim Policy",
            "What happens to a persistent volume when released from its claim.",
        ),
        Column::text(
            "Status",
            "phase indicates if a volume is available, bound to a claim, or released by a claim.",
        ),
        Column::text(
            "Claim",
            "claimRef is the claim that this volume is bound to.",
        ),
        Column::text("StorageClass", "StorageClass of the pv"),
        Column::text("VolumeAttributesClass", "VolumeAttributesClass of the pv"),
        Column::text(
            "Reason",
            "A brief CamelCase string that describes any failure.",
        ),
        Column::AGE,
        Column::wide(
            "VolumeMode",
            "volumeMode defines if a volume is formatted with a filesystem or stays raw.",
        ),
    ],
    cells: volume,
};

pub(super) static CLAIMS: Definition = Definition {
    columns: &[
        Column::NAME,
        Column::text(
            "Status",
            "phase represents the current phase of PersistentVolumeClaim.",
        ),
        Column::text(
            "Volume",
            "volumeName is the binding reference to the PersistentVolume backing this claim.",
        ),
        Column::text(
            "Capacity",
            "capacity represents the actual resources of the underlying volume.",
        ),
        Column::text(
            "Access Modes",
            "accessModes contains the actual access modes the volume backing the PVC has.",
        ),
        Column::text("StorageClass", "StorageClass of the pvc"),
        Column::text("VolumeAttributesClass", "VolumeAttributesClass of the pvc"),
        Column::AGE,
        Column::wide(
            "VolumeMode",
            "volumeMode defines what type of volume is required by the claim.",
        ),
    ],
    cells: claim,
};

pub(super) static CLASSES: Definition = Definition {
    columns: &[
        Column::NAME,
        Column::text(
            "Provisioner",
            "provisioner indicates the type of the provisioner.",
        ),
        Column::text(
            "ReclaimPolicy",
            "reclaimPolicy of volumes that the class creates.",
        ),
        Column::text(
            "VolumeBindingMode",
            "volumeBindingMode indicates when claims are bound and provisioned.",
        ),
        Column::text(
            "AllowVolumeExpansion",
            "allowVolumeExpansion shows whether volumes can grow.",
        ),
        Column::AGE,
    ],
    cells: class,
};

const CLASS_ANNOTATION: &str = "/metadata/annotations/volume.beta.kubernetes.io~1storage-class";

fn storage_class(object: &Value) -> &str {
    or(
        text(object, CLASS_ANNOTATION),
        text(object, "/spec/storageClassName"),
    )
}

fn phase(object: &Value) -> &str {
    if is_deleted(object) {
        "Terminating"
    } else {
        text(object, "/status/phase")
    }
}

/// Each mode once, in the server's order.
fn access_modes(object: &Value, pointer: &str) -> String {
    const MODES: [(&str, &str); 4] = [
        ("ReadWriteOnce", "RWO"),
        ("ReadOnlyMany", "ROX"),
        ("ReadWriteMany", "RWX"),
        ("ReadWriteOncePod", "RWOP"),
    ];
    let modes = list(object, pointer);
    let short = MODES
        .iter()
        .filter(|(mode, _)| modes.iter().any(|given| given == mode))
        .map(|(_, short)| *short);
    short.collect::<Vec<_>>().join(",")
}

fn volume(object: &Value, now: Timestamp) -> Vec<Value> {
    let claim = match (
        text(object, "/spec/claimRef/namespace"),
        text(object, "/spec/claimRef/name"),
    ) {
        (_, "") => String::new(),
        (namespace, name) => format!("{namespace}/{name}"),
    };
    vec![
        name(object),
        json!(text(object, "/spec/capacity/storage")),
        json!(access_modes(object, "/spec/accessModes")),
        json!(text(object, "/spec/persistentVolumeReclaimPolicy")),
        json!(phase(object)),
        json!(claim),
        json!(storage_class(object)),
        json!(or(
            text(object, "/spec/volumeAttributesClassName"),
            "<unset>"
        )),
        json!(text(object, "/status/reason")),
        age(object, now),
        json!(or(text(object, "/spec/volumeMode"), "<unset>")),
    ]
}

fn claim(object: &Value, now: Timestamp) -> Vec<Value> {
    let bound = !text(object, "/spec/volumeName").is_empty();
    let (capacity, modes) = match bound {
        true => (
            text(object, "/status/capacity/storage"),
            access_modes(object, "/status/accessModes"),
        ),
        false => ("", String::new()),
    };
    vec![
        name(object),
        json!(phase(object)),
        json!(text(object, "/spec/volumeName")),
        json!(capacity),
        json!(modes),
        json!(storage_class(object)),
        json!(or(
            text(object, "/spec/volumeAttributesClassName"),
            "<unset>"
        )),
        age(object, now),
        json!(or(text(object, "/spec/volumeMode"), "<unset>")),
    ]
}

fn class(object: &Value, now: Timestamp) -> Vec<Value> {
    let is_default = text(
        object,
        "/metadata/annotations/storageclass.kubernetes.io~1is-default-class",
    ) == "true";
    let suffix = if is_default { " (default)" } else { "" };
    vec![
        json!(format!("{}{suffix}", text(object, "/metadata/name"))),
        json!(text(object, "/provisioner")),
        json!(or(text(object, "/reclaimPolicy"), "Delete")),
        json!(or(text(object, "/volumeBindingMode"), "Immediate")),
        json!(
            at(object, "/allowVolumeExpansion")
                .as_bool()
                .unwrap_or_default()
        ),
        age(object, now),
    ]
}
