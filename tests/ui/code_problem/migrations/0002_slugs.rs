use migrate_postgres::code::{Context, Result};

async fn up(context: &mut Context<'_>) -> Result {
    Ok(())
}
