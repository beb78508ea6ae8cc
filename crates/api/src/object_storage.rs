//! SGObjectStorage: where backups and WAL are kept.

mod encryption;
mod providers;

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use encryption::{Encryption, EncryptionMethod, KeyTransform, OpenPgp, Sodium};
pub use providers::{
    AwsCredentials, AwsSecretKeySelectors, AzureBlobStorage, AzureCredentials,
    AzureSecretKeySelectors, GcpCredentials, GcpSecretKeySelectors, GcsStorage,
    S3CompatibleCredentials, S3CompatibleStorage, S3Storage, S3StorageClass,
};

use crate::schema::rules;

/// Where backups and WAL are kept.
#[derive(
    CustomResource, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema,
)]
#[kube(
    group = "stackgres.io",
    version = "v1beta1",
    kind = "SGObjectStorage",
    plural = "sgobjectstorages",
    singular = "sgobjectstorage",
    shortname = "sgobjs",
    namespaced,
    derive = "PartialEq",
    doc = "An object storage for backups and WAL. Clusters name it in `spec.configurations.backups[].sgObjectStorage`.",
    printcolumn = r#"{"name": "type", "type": "string", "jsonPath": ".spec.type", "description": "Kind of object storage"}"#,
    printcolumn = r#"{"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules(&[
    ("has(self.s3) == (has(self.type) && self.type == 's3')", S3_MATCH),
    (
        "has(self.s3Compatible) == (has(self.type) && self.type == 's3Compatible')",
        S3_COMPATIBLE_MATCH,
    ),
    ("has(self.gcs) == (has(self.type) && self.type == 'gcs')", GCS_MATCH),
    (
        "has(self.azureBlob) == (has(self.type) && self.type == 'azureBlob')",
        AZURE_BLOB_MATCH,
    ),
])))]
pub struct ObjectStorageSpec {
    /// Kind of object storage: `s3`, `s3Compatible`, `gcs` or `azureBlob`. The section of the same
    /// name must be there, and no other.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub type_: Option<StorageType>,
    /// Amazon S3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub s3: Option<S3Storage>,
    /// Any other storage with the interface of S3, for example MinIO.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub s3_compatible: Option<S3CompatibleStorage>,
    /// Google Cloud Storage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gcs: Option<GcsStorage>,
    /// Azure Blob Storage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub azure_blob: Option<AzureBlobStorage>,
    /// Encryption of everything before it leaves the instance. A backup can be read only with the
    /// key it was written with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption: Option<Encryption>,
}

const S3_MATCH: &str = "type s3 needs the section s3, and other types must not have it";
const S3_COMPATIBLE_MATCH: &str =
    "type s3Compatible needs the section s3Compatible, and other types must not have it";
const GCS_MATCH: &str = "type gcs needs the section gcs, and other types must not have it";
const AZURE_BLOB_MATCH: &str =
    "type azureBlob needs the section azureBlob, and other types must not have it";

/// Kind of object storage.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum StorageType {
    /// Amazon S3.
    S3,
    /// The interface of S3 elsewhere.
    S3Compatible,
    /// Google Cloud Storage.
    Gcs,
    /// Azure Blob Storage.
    AzureBlob,
}
