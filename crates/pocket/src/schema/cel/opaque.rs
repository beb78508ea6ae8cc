//! What the types of the libraries have in common: their values go through the language whole.

use ::cel::ExecutionError;
use ::cel::common::value::StaticVal;

use super::functions::{Args, unexpected};

/// Makes a type of ours a type of the language. Its values are equal as `PartialEq` says.
macro_rules! opaque {
    ($rust:ty, $name:expr) => {
        impl ::cel::common::value::Val for $rust {
            fn get_type(&self) -> &::cel::common::types::Type {
                &$name
            }

            fn cel_type() -> &'static ::cel::common::types::Type {
                &$name
            }

            fn equals(&self, other: &dyn ::cel::common::value::Val) -> bool {
                other.downcast_ref::<Self>() == Some(self)
            }

            fn clone_as_boxed<'v>(&self) -> Box<dyn ::cel::common::value::Val + 'v> {
                Box::new(<Self as Clone>::clone(self))
            }

            fn as_any(&self) -> Option<&dyn std::any::Any> {
                Some(self)
            }
        }

        impl ::cel::common::value::StaticVal for $rust {}
    };
}

pub(super) use opaque;

/// The argument, which has to be of this type.
pub(super) fn argument<'a, T: StaticVal>(
    args: &'a Args<'_, '_>,
    index: usize,
) -> Result<&'a T, ExecutionError> {
    let value = args
        .get(index)
        .ok_or_else(ExecutionError::missing_argument_or_target)?;
    value
        .downcast_ref::<T>()
        .ok_or_else(|| unexpected(value.as_ref(), T::cel_type().name()))
}
