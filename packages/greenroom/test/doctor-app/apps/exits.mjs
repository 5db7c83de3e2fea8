console.error('no licence file');
process.exit(3);
