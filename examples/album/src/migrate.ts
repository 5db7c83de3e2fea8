/** `node src/migrate.ts [VERSION]`: brings the schema to the newest version that this code brings, or to the one that is given, also back. */
import { openForMigrations } from './database.ts';
import { migrateTo, openSchema } from './schema.ts';

const [given] = process.argv.slice(2);
const target = given === undefined ? Number.MAX_SAFE_INTEGER : Number(given);
if (!Number.isSafeInteger(target) || target < 0) throw new Error(`"${given}" is not the number of a migration.`);
const db = openForMigrations(process.env);
try {
  for (const step of await migrateTo(db, target)) console.log(step);
  console.log(`the schema is at version ${(await openSchema(db).state()).status.current_schema_version}`);
} finally {
  await db.end();
}
