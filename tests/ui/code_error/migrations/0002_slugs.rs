use migrate_postgres::code::{Context, Result};

pub async fn up(context: &mut Context<'_>) -> Result {
    context.batch_execute(7).await?;
    Ok(())
}
