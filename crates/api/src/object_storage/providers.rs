//! The kinds of object storage and their credentials.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema::rules;
use crate::selectors::SecretKeySelector;

const S3_BUCKET: &str = r"^((s3|https?)://)?[^/]+(/[^/]*)*$";
const GCS_BUCKET: &str = r"^(gs://)?[^/]+(/[^/]*)*$";
const AZURE_BUCKET: &str = r"^(azure://)?[^/]+(/[^/]*)*$";

/// Amazon S3.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct S3Storage {
    /// Bucket, with an optional folder in it: `my-bucket` or `my-bucket/postgres`.
    #[schemars(regex(pattern = S3_BUCKET))]
    pub bucket: String,
    /// Region of the bucket, for example `eu-west-1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Storage class of new objects. Default: the bucket's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage_class: Option<S3StorageClass>,
    /// How to log in.
    pub aws_credentials: AwsCredentials,
}

/// Storage class of objects in S3.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum S3StorageClass {
    /// For data in frequent use.
    Standard,
    /// With fewer copies.
    ReducedRedundancy,
    /// For data in rare use.
    StandardIa,
    /// For data in rare use, in one zone.
    OnezoneIa,
    /// Chosen by use.
    IntelligentTiering,
    /// Archive.
    Glacier,
    /// Archive that can be read at once.
    GlacierIr,
    /// Archive that takes hours to read.
    DeepArchive,
}

/// How to log in to Amazon S3.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules(&[(
    "(has(self.useIAMRole) && self.useIAMRole) || has(self.secretKeySelectors)",
    "set secretKeySelectors, or useIAMRole: true",
)])))]
pub struct AwsCredentials {
    /// Uses the IAM role that is bound to the ServiceAccount of the Pods, in place of a key.
    #[serde(rename = "useIAMRole", default)]
    pub use_iam_role: bool,
    /// Where the access key is. Needed unless `useIAMRole` is true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_key_selectors: Option<AwsSecretKeySelectors>,
}

/// Where an access key is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AwsSecretKeySelectors {
    /// Secret key that holds the access key ID.
    pub access_key_id: SecretKeySelector,
    /// Secret key that holds the secret access key.
    pub secret_access_key: SecretKeySelector,
    /// Secret key that holds the certificate of the storage's CA, PEM encoded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_certificate: Option<SecretKeySelector>,
}

/// A storage with the interface of S3.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct S3CompatibleStorage {
    /// Bucket, with an optional folder in it: `my-bucket` or `my-bucket/postgres`.
    #[schemars(regex(pattern = S3_BUCKET))]
    pub bucket: String,
    /// Address of the storage, for example `https://minio.storage:9000`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Puts the bucket into the path of addresses, not into the host name. Most storages other
    /// than Amazon's need it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enable_path_style_addressing: Option<bool>,
    /// Region of the bucket, where the storage knows regions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Storage class of new objects. Default: the bucket's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage_class: Option<String>,
    /// How to log in.
    pub aws_credentials: S3CompatibleCredentials,
    /// Secret key that holds the certificate of the storage's CA, PEM encoded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_certificate: Option<SecretKeySelector>,
}

/// How to log in to a storage with the interface of S3.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct S3CompatibleCredentials {
    /// Where the access key is.
    pub secret_key_selectors: AwsSecretKeySelectors,
}

/// Google Cloud Storage.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GcsStorage {
    /// Bucket, with an optional folder in it: `my-bucket` or `my-bucket/postgres`.
    #[schemars(regex(pattern = GCS_BUCKET))]
    pub bucket: String,
    /// How to log in.
    pub gcp_credentials: GcpCredentials,
}

/// How to log in to Google Cloud Storage.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules(&[(
    "(has(self.fetchCredentialsFromMetadataService) && self.fetchCredentialsFromMetadataService) != has(self.secretKeySelectors)",
    "set either secretKeySelectors or fetchCredentialsFromMetadataService: true",
)])))]
pub struct GcpCredentials {
    /// Uses the identity of the Pods' ServiceAccount, in place of a key. Default: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fetch_credentials_from_metadata_service: Option<bool>,
    /// Where the key is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_key_selectors: Option<GcpSecretKeySelectors>,
}

/// Where the key of a Google service account is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GcpSecretKeySelectors {
    /// Secret key that holds the service account's key file, as JSON.
    #[serde(rename = "serviceAccountJSON")]
    pub service_account_json: SecretKeySelector,
}

/// Azure Blob Storage.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AzureBlobStorage {
    /// Container, with an optional folder in it: `my-container` or `my-container/postgres`.
    #[schemars(regex(pattern = AZURE_BUCKET))]
    pub bucket: String,
    /// How to log in.
    pub azure_credentials: AzureCredentials,
}

/// How to log in to Azure Blob Storage.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AzureCredentials {
    /// Where the access key is.
    pub secret_key_selectors: AzureSecretKeySelectors,
}

/// Where the access key of an Azure storage account is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AzureSecretKeySelectors {
    /// Secret key that holds the name of the storage account.
    pub storage_account: SecretKeySelector,
    /// Secret key that holds the access key.
    pub access_key: SecretKeySelector,
}
