pub async fn up(context: &mut String) -> Result<(), std::fmt::Error> {
    context.clear();
    Ok(())
}
