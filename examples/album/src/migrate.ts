/** `node src/migrate.ts [VERSION]`: brings the schema to the newest version that this code brings, or to the one that is given, also back. */
import { openDatabase } from './database.ts';
import { currentVersion, migrate } from './schema.ts';

const [given] = process.argv.slice(2);
const target = given === undefined ? undefined : Number(given);
if (target !== undefined && !Number.isSafeInteger(target)) throw new Error(`"${given}" is not the number of a migration.`);
const db = openDatabase(process.env);
try {
  for (const file of await migrate(db, target)) console.log(`applied ${file}`);
  console.log(`the schema is at version ${await currentVersion(db)}`);
} finally {
  await db.end();
}
