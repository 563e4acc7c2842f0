use migrate_postgres::code::{Context, Result};

pub async fn up(context: &mut Context<'_>) -> Result {
    Err(format!("write {} in its file", context.name()).into())
}

pub async fn down(context: &mut Context<'_>) -> Result {
    Err(format!("write how {} is reverted", context.name()).into())
}

pub async fn verify(context: &mut Context<'_>) -> Result {
    Err(format!("write how {} is verified", context.name()).into())
}
